// What travels in a soak: one contract for each promise that is checked. Every message carries its id.
import { defineEvent, defineRequest } from '@belfry/contracts';
import { z } from 'zod';

const schema = z.object({ id: z.string() });

/** Transient, to every instance of the audience, which recovers what it missed. */
export const Told = defineEvent('soak.told', { schema, recover: { age: '1h', count: 100_000 } });

/** Transient, to one member of the group. */
export const Dealt = defineEvent('soak.dealt', { schema });

/** Durable, to one member of the group; half of them are published with a key. */
export const Logged = defineEvent('soak.logged', { schema, guarantee: 'durable' });

/** To one of the responders. */
export const Ask = defineRequest('soak.ask', { input: schema, output: schema, timeout: '2s' });

export const kinds = ['told', 'dealt', 'logged', 'asked'] as const;
export type Kind = (typeof kinds)[number];

/** What a process of the soak does. */
export type Role = 'publisher' | 'audience' | 'member' | 'responder';

/** The group of the members, and of the responders: it is the name of their buses. */
export const nameOf = (role: Role): string => `${role}s`;

/** Short ones, so that a soak of minutes sees what takes hours else. */
export const heartbeatMs = 1000;
export const claimTimeoutMs = 3000;
export const askTimeoutMs = 2000;
/** How long a publish waits while Redis is away. */
export const patienceMs = 2000;
