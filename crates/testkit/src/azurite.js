// Talks to Azurite as its account: `container NAME` makes a container, `sas` prints a token for all of the account.
const crypto = require("node:crypto");
const http = require("node:http");
const [port, key, what, name] = process.argv.slice(1);
const account = "devstoreaccount1";
const sign = (text) => crypto.createHmac("sha256", Buffer.from(key, "base64")).update(text, "utf8").digest("base64");
const version = "2021-08-06";
if (what === "sas") {
  const end = new Date(Date.now() + 3600e3).toISOString().slice(0, 19) + "Z";
  const [may, services, kinds] = ["rwdlac", "b", "sco"];
  const sig = sign([account, may, services, kinds, "", end, "", "", version, "", ""].join("\n"));
  console.log(new URLSearchParams({ sv: version, ss: services, srt: kinds, sp: may, se: end, sig }).toString());
} else {
  const date = new Date().toUTCString();
  const head = `x-ms-date:${date}\nx-ms-version:${version}\n`;
  const place = `/${account}/${account}/${name}\nrestype:container`;
  const signature = sign("PUT" + "\n".repeat(12) + head + place);
  const headers = { "x-ms-date": date, "x-ms-version": version, "Content-Length": 0, Authorization: `SharedKey ${account}:${signature}` };
  const path = `/${account}/${name}?restype=container`;
  const request = http.request({ host: "127.0.0.1", port, method: "PUT", path, headers }, (answer) => {
    answer.resume();
    answer.on("end", () => process.exit(answer.statusCode === 201 ? 0 : (console.error(answer.statusCode), 1)));
  });
  request.on("error", (error) => { console.error(error.message); process.exit(1); });
  request.end();
}
