/** A port on which a service says how it is: to whatever runs it, and to whatever counts. */
export interface HealthOptions {
  /** From 1 to 65535; `0`: any that is free, told in the log and by `service.healthUrl`. @default `BELFRY_HEALTH_PORT` */
  readonly port?: number;
  /** The address to listen at, for example `127.0.0.1`. @default all of them, so that a probe reaches it from outside of a container */
  readonly host?: string;
  /**
   * More for `/metrics`, in Prometheus's text format: what your own registry of prom-client gives, `() => registry.metrics()`. When it fails, that
   * is logged, and the rest is served.
   */
  readonly metrics?: () => string | Promise<string>;
}

/** Where to listen: checked. */
export interface HealthConfig extends HealthOptions {
  readonly port: number;
}

// The compiler holds this list and the interface together.
const known: Record<keyof HealthOptions, true> = { port: true, host: true, metrics: true };

/** The option first, then the environment; `undefined`: there is no port. What is wrong is added to the mistakes. */
export function resolveHealth(
  options: HealthOptions | false | undefined,
  variable: string | undefined,
  mistakes: string[],
): HealthConfig | undefined {
  if (options === false) return undefined;
  if (options !== undefined && (typeof options !== 'object' || options === null || Array.isArray(options))) {
    mistakes.push('health must be false or a port, like { port: 9464 }');
    return undefined;
  }
  const { port: given, host, metrics } = options ?? {};
  for (const key of Object.keys(options ?? {}))
    if (!Object.hasOwn(known, key))
      mistakes.push(`health: ${JSON.stringify(key)} is no option (there are ${Object.keys(known).join(', ')})`);
  if (host !== undefined && (typeof host !== 'string' || host === ''))
    mistakes.push('health: host must be an address, like 127.0.0.1');
  if (metrics !== undefined && typeof metrics !== 'function')
    mistakes.push('health: metrics must be a function, like () => registry.metrics()');
  if (given === undefined && !variable) return undefined;
  const port = given ?? (/^\d+$/.test(variable ?? '') ? Number(variable) : Number.NaN);
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    const [source, value] = given === undefined ? ['BELFRY_HEALTH_PORT', variable] : ['health: port', given];
    mistakes.push(`${source} must be a whole number from 0 to 65535, not ${JSON.stringify(value)}`);
    return undefined;
  }
  return { port, ...(host === undefined ? {} : { host }), ...(metrics === undefined ? {} : { metrics }) };
}
