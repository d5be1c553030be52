import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * Listens on a port that stays free also while no one listens on it: systems hand out those from 32768 on to anyone who
 * asks for any, and a server that went down would find its port taken.
 */
export async function listenApart(server: Server): Promise<number> {
  for (;;) {
    const port = randomInt(10_240, 32_768);
    const listens = await new Promise<boolean>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void =>
        error.code === 'EADDRINUSE' ? resolve(false) : reject(error);
      server.once('error', failed);
      server.listen(port, '127.0.0.1', () => {
        server.off('error', failed);
        resolve(true);
      });
    });
    if (listens) return port;
  }
}

/** A port that was free a moment ago, and that no system gives to anyone on its own. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenApart(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
