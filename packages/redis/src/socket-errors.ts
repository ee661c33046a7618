import type { AbstractConnector, Redis } from 'ioredis';

/**
 * ioredis listens to one error of a socket. One that is ended within its TLS handshake can have two, and the second would end the process: so somebody
 * always listens. What matters of it the client tells.
 */
export function outliveSocketErrors(client: Redis): Redis {
  const { connector } = client as unknown as { connector: AbstractConnector };
  const connect = connector.connect.bind(connector);
  connector.connect = async (tell) => {
    const socket = await connect(tell);
    return socket.on('error', () => {});
  };
  return client;
}
