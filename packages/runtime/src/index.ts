/**
 * Services: configuration, container, logs, life, health.
 * @module @belfry/runtime
 */

// Run a service
export { Logger } from './logger.js';
export { runService } from './run-service.js';
export { createService, type Service, type ServiceStatus } from './service.js';
export type { Environment, ServiceOptions } from './service-options.js';
export type { HealthOptions } from './health/health-options.js';

// What Redis must allow it
export { accessRules, type ServiceAccessOptions } from './access-rules.js';

// A bus without a service
export { createBus } from './create-bus.js';
export { type Startup, transportFor } from './transport-url.js';
