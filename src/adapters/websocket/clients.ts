import type { ChatSocket } from '../../gateway/adapter.ts';

/** One connection and the identity it speaks for. */
export interface Connection {
  readonly socket: ChatSocket;
  clientId: string;
  name: string;
  /** Its hello gave the name. */
  named: boolean;
  /** The language code that its hello gave. */
  language?: string;
  /** Something was taken from it: its identity is settled. */
  used: boolean;
  /** Starts of tasks that were not confirmed yet; until then news of tasks waits in `news`. */
  starting: number;
  readonly news: object[];
}

/** The confirmation of a start comes before the first news of the task. */
export async function confirmFirst(connection: Connection, start: () => Promise<object>): Promise<void> {
  connection.starting += 1;
  try {
    connection.socket.send(await start());
  } finally {
    connection.starting -= 1;
    if (connection.starting === 0)
      for (const frame of connection.news.splice(0)) connection.socket.send(frame);
  }
}

/** Connections of one person at once; one more closes the oldest. */
export const CONNECTIONS_PER_CLIENT = 16;

/** Which connections speak for which client. The newest comes last; its pong is the proof of delivery. */
export class Clients {
  readonly #byId = new Map<string, Connection[]>();
  #count = 0;

  /** Connections of all clients. */
  get count(): number {
    return this.#count;
  }

  /** Oldest first; empty for a client that is not connected. */
  of(clientId: string): readonly Connection[] {
    return this.#byId.get(clientId) ?? [];
  }

  *all(): Iterable<Connection> {
    for (const connections of this.#byId.values()) yield* connections;
  }

  /** Returns the connection that has to go because this client has too many, if any. */
  add(connection: Connection): Connection | undefined {
    const connections = this.#byId.get(connection.clientId) ?? [];
    connections.push(connection);
    this.#byId.set(connection.clientId, connections);
    this.#count += 1;
    return connections.length > CONNECTIONS_PER_CLIENT ? connections[0] : undefined;
  }

  remove(connection: Connection): void {
    const connections = this.#byId.get(connection.clientId);
    const index = connections?.indexOf(connection) ?? -1;
    if (connections === undefined || index < 0) return;
    connections.splice(index, 1);
    this.#count -= 1;
    if (connections.length === 0) this.#byId.delete(connection.clientId);
  }
}
