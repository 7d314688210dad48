//! How many requests a sender may bring, by its write key and by its address.
//!
//! Neither is kept: what is counted is counted by a hash under a key that is in memory alone and is made anew each day, so that it
//! tells nobody's address, and no two days can be laid side by side.
//!
//! Of a limit of `n` a minute, `n` requests may come at once, and then one each `60 / n` seconds. All that is remembered of a sender
//! is the moment when it will have its whole limit again; when that has come, it is forgotten. There is a bound on the number of
//! senders that are remembered; whoever comes beyond it is not limited.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName};

use super::answer::Failure;
use crate::hash::shake128;
use crate::metrics::By;
use crate::secret::random_hex;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Most senders that are remembered: some ten megabytes.
const MOST: usize = 100_000;

/// Requests that a sender may bring in a minute. Default: any number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// With one write key.
    pub by_key: Option<u32>,
    /// From one address; of IPv6, from one network of 64 bits.
    pub by_address: Option<u32>,
    /// The header in which a reverse proxy says the address, of which the last one counts. Without one it is that of the connection.
    pub forwarded: Option<HeaderName>,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Who has brought how much.
pub(crate) struct Rates {
    limits: RateLimits,
    known: Mutex<Known>,
}

struct Known {
    /// The key of the hashes.
    secret: String,
    made: Instant,
    /// By sender, when it has its whole limit again.
    senders: HashMap<String, Instant>,
}

impl std::fmt::Debug for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rates").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Rates {
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn new(limits: RateLimits) -> std::io::Result<Self> {
        let known = Known { secret: random_hex::<16>()?, made: Instant::now(), senders: HashMap::new() };
        Ok(Self { limits, known: Mutex::new(known) })
    }

    /// Whether connections have to say whose they are.
    pub(crate) fn need_peers(&self) -> bool {
        self.limits.by_address.is_some()
    }

    /// The header in which a reverse proxy says the address, where addresses are counted.
    pub(super) fn forwarded(&self) -> Option<&HeaderName> {
        self.limits.by_address.and(self.limits.forwarded.as_ref())
    }

    /// Counts a request by its address.
    ///
    /// # Errors
    /// When the address brings too many.
    pub(super) fn take_address(&self, peer: Option<Peer>, headers: &HeaderMap) -> Result<(), Failure> {
        let Some(limit) = self.limits.by_address else { return Ok(()) };
        let forwarded = self.forwarded().and_then(|name| last_address(headers, name));
        match forwarded.or(peer.map(|Peer(address)| address)).map(|address| address.to_canonical()) {
            None => Ok(()),
            Some(IpAddr::V4(address)) => self.take(By::Address, &address.octets(), limit, Instant::now()),
            Some(IpAddr::V6(address)) => self.take(By::Address, &address.octets()[..8], limit, Instant::now()),
        }
    }

    /// Counts a request by its write key.
    ///
    /// # Errors
    /// When too many come with it.
    pub(super) fn take_key(&self, key: &str) -> Result<(), Failure> {
        match self.limits.by_key {
            Some(limit) => self.take(By::Key, key.as_bytes(), limit, Instant::now()),
            None => Ok(()),
        }
    }

    fn take(&self, by: By, what: &[u8], limit: u32, now: Instant) -> Result<(), Failure> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(known.made) >= DAY
            && let Ok(secret) = random_hex::<16>()
        {
            // Nobody is found again by another key.
            *known = Known { secret, made: now, senders: HashMap::new() };
        }
        let text = [known.secret.as_bytes(), by.word().as_bytes(), b" ", what].concat();
        let sender = shake128(&text);
        if known.senders.len() >= MOST && !known.senders.contains_key(&sender) {
            known.senders.retain(|_, whole| *whole > now);
            if known.senders.len() >= MOST {
                return Ok(());
            }
        }
        let whole = known.senders.entry(sender).or_insert(now);
        let next = (*whole).max(now) + MINUTE / limit.max(1);
        match next.saturating_duration_since(now).checked_sub(MINUTE) {
            Some(wait) if !wait.is_zero() => Err(Failure::TooOften { by, seconds: wait.as_secs() + 1 }),
            _ => {
                *whole = next;
                Ok(())
            }
        }
    }
}

/// The last address of a header: what was there before the proxy added it can be anything. It may have a port, and brackets.
fn last_address(headers: &HeaderMap, name: &HeaderName) -> Option<IpAddr> {
    let last = headers.get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim();
    let with_port = || last.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    last.parse().ok().or_else(with_port).or_else(|| last.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn rates() -> Rates {
        let forwarded = Some(HeaderName::from_static("x-forwarded-for"));
        Rates::new(RateLimits { by_key: Some(2), by_address: Some(2), forwarded }).unwrap()
    }

    #[test]
    fn a_limit_comes_back_bit_by_bit_and_senders_are_told_apart() {
        let (rates, now) = (rates(), Instant::now());
        let take = |by, what: &[u8], at| rates.take(by, what, 2, at);
        assert!(take(By::Key, b"a", now).is_ok() && take(By::Key, b"a", now).is_ok());
        match take(By::Key, b"a", now) {
            Err(Failure::TooOften { by: By::Key, seconds }) => {
                assert_eq!(seconds, 31, "a half of the limit in half a minute")
            }
            other => panic!("{other:?}"),
        }
        assert!(take(By::Key, b"b", now).is_ok() && take(By::Address, b"a", now).is_ok());
        let later = now + Duration::from_secs(30);
        assert!(take(By::Key, b"a", later).is_ok() && take(By::Key, b"a", later).is_err(), "one, and no more");
        let secret = rates.known.lock().unwrap().secret.clone();
        assert!(take(By::Key, b"a", now + DAY).is_ok());
        assert_ne!(rates.known.lock().unwrap().secret, secret, "a day later the hashes are others");
        assert_eq!(rates.known.lock().unwrap().senders.len(), 1, "and those of before are gone");
    }

    #[test]
    fn a_crowd_is_bounded_and_forgotten() {
        let (rates, now) = (rates(), Instant::now());
        for number in 0..MOST + 10 {
            assert!(rates.take(By::Address, &number.to_le_bytes(), 1, now).is_ok());
        }
        assert_eq!(rates.known.lock().unwrap().senders.len(), MOST);
        assert!(rates.take(By::Address, &0_usize.to_le_bytes(), 1, now).is_err(), "who is known is limited");
        rates.take(By::Address, b"another", 1, now + MINUTE).unwrap();
        assert_eq!(rates.known.lock().unwrap().senders.len(), 1);
    }

    #[test]
    fn the_last_address_is_the_proxys_word_and_networks_of_ipv6_are_one() {
        let rates = rates();
        let peer = Some(Peer("127.0.0.1".parse().unwrap()));
        let take = |said: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", said.parse().unwrap());
            rates.take_address(peer, &headers).is_ok()
        };
        assert!(take("1.1.1.1, 2001:db8::1") && take("2.2.2.2, [2001:db8::2]:443") && !take("3.3.3.3,[2001:db8::3]"));
        assert!(take("2001:db8:0:1::1"));
        assert!(take("nonsense") && take("") && !take("unknown"), "then it is the connection's");
        // What IPv4 is called in IPv6 is the same address.
        assert!(take("192.0.2.1:80") && take("::ffff:192.0.2.1") && !take("192.0.2.1"));
    }
}
