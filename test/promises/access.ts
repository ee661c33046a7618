import type { NamedTest, Subject } from './kept-promise.js';

const withRights = (title: string): NamedTest => ({ file: 'packages/redis/test/access.test.ts', title });

export const access: Subject = {
  title: 'Users of Redis, TLS, Sentinels',
  promises: [
    {
      promise: 'With the generated rights a service can ask, or answer, and nothing else.',
      test: withRights('asks, or answers, and nothing else'),
      mutation: {
        file: 'packages/redis/src/usage-operations.ts',
        from: "return [...script('ask', [membersKey(usage.channel)]), ...audience(usage.channel), ...correspond(usage)];",
        to: "return [...share(usage.channel, usage.service), ...script('ask', [membersKey(usage.channel)]), ...audience(usage.channel), ...correspond(usage)];",
      },
    },
    {
      promise: 'Whoever has no rights at all is told so at the start.',
      test: withRights('is told at the start of whoever has none'),
      mutation: {
        file: 'packages/redis/src/rights-check.ts',
        from: 'if (!isNoPermission(error)) throw error;',
        to: 'throw error;',
      },
    },
    {
      promise: 'A refusal names the right that is missing, also when it was a script that was refused.',
      test: withRights('is named when it is needed, too, where nobody has asked before'),
      mutation: {
        file: 'packages/redis/src/lacking-rights.ts',
        from: "if (lacking.length > 0) nameRight(refusal, toRules(lacking).join(' '));",
        to: '',
      },
    },
    {
      promise: 'A TLS handshake that is given up ends nothing but itself.',
      test: {
        file: 'packages/redis/src/sockets.test.ts',
        title: 'a socket may have a second error, as when TLS is given up within its handshake',
      },
      mutation: {
        file: 'packages/redis/src/sockets.ts',
        from: "return socket.on('error', () => {});",
        to: 'return socket;',
      },
    },
    {
      promise: 'What is wrong with TLS is told in words, also by nodes of a Cluster.',
      test: {
        file: 'packages/redis/test/tls-cluster.faults.test.ts',
        title: 'tells whoever shows no certificate what is missing',
        config: 'faults',
      },
      mutation: {
        file: 'packages/redis/src/tls-failure.ts',
        from: 'return alerts.find(([part]) => text.includes(part))?.[1] ?? `TLS failed: ${text}`;',
        to: 'return undefined;',
      },
    },
    {
      promise: 'A Sentinel that does not answer is passed over.',
      test: {
        file: 'packages/redis/test/sentinel.faults.test.ts',
        title: 'a Sentinel that does not answer is passed over',
        config: 'faults',
      },
      mutation: {
        file: 'packages/redis/src/sentinel-lookup.ts',
        from: 'sentinels: shuffled(options.sentinels ?? []),',
        to: 'sentinels: (options.sentinels ?? []).slice(0, 1),',
      },
    },
  ],
};
