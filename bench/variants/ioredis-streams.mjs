// The control of durable events: XADD, a consumer group, one XACK per batch.
import { Redis } from 'ioredis';

export function publisher({ url }) {
  const redis = new Redis(url);
  return { publish: (order) => redis.xadd('orders', '*', 'order', JSON.stringify(order)), close: () => redis.quit() };
}

export async function subscriber({ url }, take) {
  const redis = new Redis(url);
  await redis.xgroup('CREATE', 'orders', 'billing', '$', 'MKSTREAM');
  let closed = false;
  const read = async () => {
    while (!closed) {
      const batch = ['GROUP', 'billing', 'one', 'COUNT', 100, 'BLOCK', 500, 'STREAMS', 'orders', '>'];
      const [[, entries] = ['', []]] = (await redis.xreadgroup(...batch)) ?? [];
      for (const [, fields] of entries) take(JSON.parse(fields[1]));
      if (entries.length > 0) await redis.xack('orders', 'billing', ...entries.map(([id]) => id));
    }
  };
  const reading = read();
  return {
    async close() {
      closed = true;
      await reading;
      await redis.quit();
    },
  };
}
