// A name server that does not answer, for a program that is started with this library in LD_PRELOAD: names are looked
// up for a minute and are then not found. Addresses that need no name server are none of its business.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int (*lookup)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    if (node != NULL && strstr(node, ".invalid") != NULL) {
        sleep(60);
        return EAI_AGAIN;
    }
    return ((lookup)dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, hints, found);
}
