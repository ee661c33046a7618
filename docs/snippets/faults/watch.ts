import type { Bus, Logger } from 'belfry';

// #region watch
export function watch(bus: Bus, logger: Logger): void {
  bus.on('interrupted', ({ reason }) => logger.warn({ reason }, 'Redis is away'));
  bus.on('resumed', ({ outageMs }) => logger.info({ outageMs }, 'Redis is back'));
  bus.on('gap', ({ channel, source, missed, reason }) =>
    logger.error({ channel, source, missed, reason }, 'missed for good'),
  );
  bus.on('recovered', ({ channel, recovered }) => logger.info({ channel, recovered }, 'read again'));
  bus.on('pressure', ({ subscription, full }) =>
    logger.warn({ subscription }, full ? 'queue fills up' : 'queue is well'),
  );
}
// #endregion watch
