import type { AbstractConnector, Redis } from 'ioredis';
import { hearFarewell } from './farewell.js';

/** Looks after the socket of a client, which has none yet, where ioredis does not. */
export function attendSocket(client: Redis): Redis {
  const { connector } = client as unknown as { connector: AbstractConnector };
  const connect = connector.connect.bind(connector);
  connector.connect = async (tell) => {
    const socket = await connect(tell);
    socket.once('connect', () => hearFarewell(socket, client));
    // ioredis listens to one error. A socket that is ended within its TLS handshake can have two, and the second would end the process: so somebody
    // always listens. What matters of it the client tells.
    return socket.on('error', () => {});
  };
  return client;
}
