import { uniqueNamespace } from '@belfry/testing';
import { expect, it, vi } from 'vitest';
import { createBilling, OrderPlaced } from './billing.js';

it('serves health and metrics, those of the service too', async () => {
  vi.stubEnv('LOG_LEVEL', 'error');
  await using billing = createBilling(process.env.BELFRY_TEST_REDIS_URL as string, uniqueNamespace());
  await billing.start();
  await billing.bus.publish(OrderPlaced, { order: 'o-1', cents: 1250 });
  await expect.poll(() => billing.bus.subscriptions[0]?.stats.handled).toBe(1);

  // #region ask
  const ready = await fetch(`${billing.healthUrl}/health/ready`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toEqual({ status: 'ready', service: 'billing' });

  const metrics = await (await fetch(`${billing.healthUrl}/metrics`)).text();
  expect(metrics).toContain(
    'belfry_messages_handled_total{contract="orders.placed",group="billing",service="billing"} 1',
  );
  expect(metrics).toContain('billing_cents_total 1250');
  // #endregion ask
  expect(metrics).toContain('process_cpu_seconds_total');
  vi.unstubAllEnvs();
});
