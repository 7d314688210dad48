// Sends events as a service does, by Segment's client for Node: TRACKER, COUNT.
const { Analytics } = require('@segment/analytics-node');
const [tracker, count] = process.argv.slice(-2);
const client = new Analytics({ writeKey: 'a-key', host: tracker, flushAt: 2, maxRetries: 5 });
client.on('error', (error) => console.error(error));
for (let number = 0; number < Number(count); number++)
  client.track({ anonymousId: `id-${number}`, event: 'Ordered', properties: { total: number } });
client.closeAndFlush({ timeout: 30000 });
