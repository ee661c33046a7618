// BullMQ: a job queue. One job per event, finished jobs are removed, as many in hand as Belfry's default concurrency.
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

const connectionTo = ({ url }) => new Redis(url, { maxRetriesPerRequest: null });

export function publisher(options) {
  const connection = connectionTo(options);
  const queue = new Queue('orders', { connection, defaultJobOptions: { removeOnComplete: true } });
  return { publish: (order) => queue.add('placed', order), close: () => queue.close() };
}

export async function subscriber(options, take) {
  const connection = connectionTo(options);
  const worker = new Worker('orders', async ({ data }) => take(data), { connection, concurrency: 16 });
  await worker.waitUntilReady();
  return { close: () => worker.close() };
}
