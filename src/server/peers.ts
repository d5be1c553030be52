/** Who is at the other end, judged by the connection alone: forwarded headers never make a peer local. */

/** `::ffff:127.0.0.1` -> `127.0.0.1`; a zone (`%eth0`) is dropped. */
function plainAddress(address: string): string {
  const bare = address.replace(/%.*$/, '').toLowerCase();
  return bare.startsWith('::ffff:') && bare.includes('.') ? bare.slice('::ffff:'.length) : bare;
}

export function isLoopback(address: string): boolean {
  const plain = plainAddress(address);
  return plain === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(plain);
}

/**
 * The key under which failures of a peer are counted: the address, for IPv6 its /64 network, because one customer
 * gets at least that many addresses.
 */
export function peerKey(address: string): string {
  const plain = plainAddress(address);
  if (!plain.includes(':') || plain === '::1') return plain;
  const [head = '', tail] = plain.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const behind = tail === '' ? [] : tail.split(':');
    while (groups.length + behind.length < 8) groups.push('0');
    groups.push(...behind);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** The name in a `Host` header without its port; brackets of an IPv6 address are kept. */
function hostName(host: string): string {
  return host.trim().toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}

/**
 * True when a `Host` header names this machine itself. A page that rebinds its own name to 127.0.0.1 arrives with
 * that name in `Host`, so a request that proves nothing else must carry a loopback name.
 */
export function isLoopbackHost(host: string): boolean {
  const name = hostName(host);
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return isLoopback(name.replace(/^\[(.*)\]$/, '$1'));
}

const OPERATOR_CONNECTIONS = new WeakSet<object>();

/** This connection came over the operator socket: the rights of the file have checked whose it is. */
export function markOperatorSocket(connection: object): void {
  OPERATOR_CONNECTIONS.add(connection);
}

export function isOperatorSocket(connection: object): boolean {
  return OPERATOR_CONNECTIONS.has(connection);
}
