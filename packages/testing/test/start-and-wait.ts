// A process for the tests of startRedis: starts a server, says so on stdout, and stays until somebody ends it.
// "exit" as its argument makes it exit by itself, without stopping the server.
import { startRedis } from '../src/redis-server.js';

const redis = await startRedis({ fresh: true });
console.log(JSON.stringify({ port: redis.port }));
if (process.argv[2] === 'exit') process.exit(0);
// "end" lets the process run out of work, which a forgotten server must not prevent
if (process.argv[2] !== 'end') setInterval(() => undefined, 1000);
