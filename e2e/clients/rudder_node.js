// Sends events as a service does, by RudderStack's client for Node: TRACKER, COUNT.
const RudderAnalytics = require('@rudderstack/rudder-sdk-node');
const [tracker, count] = process.argv.slice(-2);
const client = new RudderAnalytics('a-key', { dataPlaneUrl: tracker, flushAt: 2, flushInterval: 200 });
for (let number = 0; number < Number(count); number++)
  client.track({ anonymousId: `id-${number}`, event: 'Ordered', properties: { total: number } });
client.flush();
