import { chmodSync } from 'node:fs';
import type { Server } from 'node:http';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { prepareSocketPlace, releaseSocketPlace } from '../operator-socket-path.ts';
import { createListener, type ListenerHandlers } from './listeners.ts';
import { markOperatorSocket } from './peers.ts';

/**
 * Listens for the operator's own programs in the data directory. A file system without sockets is no reason not to
 * start: undefined then, and those programs come over TCP and prove themselves there.
 */
export async function openOperatorSocket(
  handlers: ListenerHandlers,
  directory: string,
  log: Logger,
): Promise<Server | undefined> {
  try {
    const place = prepareSocketPlace(directory);
    const server = createListener(handlers);
    if (place.private) server.on('connection', markOperatorSocket);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(place.path, () => {
        server.off('error', reject);
        resolve();
      });
    });
    if (place.private) chmodSync(place.path, 0o600);
    server.once('close', () => releaseSocketPlace(directory));
    return server;
  } catch (error) {
    log.warn(
      'the operator socket cannot be opened; commands on this machine use the TCP port and prove themselves',
      {
        directory,
        error: messageOf(error),
      },
    );
    return undefined;
  }
}
