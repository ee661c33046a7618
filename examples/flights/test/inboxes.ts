import { Redis } from 'ioredis';

/**
 * What was dealt to each instance, as MONITOR shows the script's SPUBLISH. Listening to an inbox would tell it too, but a
 * listener counts as a receiver: the script could not see any more that the inbox's owner is dead.
 */
export class Inboxes implements AsyncDisposable {
  readonly #dealt = new Map<string, Set<string>>();
  #changed = (): void => {};

  /**
   * @param inbox matches the channels of the inboxes, and takes the instance out of them
   * @param message matches a message, and takes out what to call it. Several may travel in one frame.
   */
  static async watch(url: string, inbox: RegExp, message: RegExp): Promise<Inboxes> {
    const redis = new Redis(url);
    const monitor = await redis.monitor();
    redis.disconnect();
    return new Inboxes(monitor, inbox, message);
  }

  private constructor(
    private readonly monitor: Redis,
    inbox: RegExp,
    message: RegExp,
  ) {
    monitor.on('monitor', (_time: string, [command, channel = '', body = '']: string[]) => {
      const instance = inbox.exec(channel)?.[1];
      if (command?.toUpperCase() !== 'SPUBLISH' || instance === undefined) return;
      for (const [, name = ''] of body.matchAll(message)) this.of(instance).add(name);
      this.#changed();
    });
  }

  of(instance: string): Set<string> {
    const dealt = this.#dealt.get(instance) ?? new Set();
    this.#dealt.set(instance, dealt);
    return dealt;
  }

  /** Waits until so much was dealt to the instance. */
  dealt(instance: string, count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = () => {
        if (this.of(instance).size >= count) resolve();
      };
      this.#changed();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.monitor.disconnect();
  }
}
