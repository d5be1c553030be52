import { randomInt } from 'node:crypto';
import type { Server } from 'node:net';

/**
 * Listens on a port that stays ours also while nobody listens on it: systems hand out those from 32768 on to whoever asks
 * for any, and a server that went down would find its port taken.
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
