import { connect, isIPv4, isIPv6, type Socket } from 'node:net';

const CONNECT_MS = 20_000;
const NO_LOGIN = 0;
const PASSWORD = 2;

const REFUSALS: Readonly<Record<number, string>> = {
  1: 'general failure',
  2: 'its rules do not allow this connection',
  3: 'the network cannot be reached',
  4: 'the host cannot be reached',
  5: 'the connection was refused',
  6: 'it took too long',
  7: 'it cannot do this',
  8: 'it does not know this kind of address',
};

/**
 * A connection to `host` through a SOCKS 5 proxy (RFC 1928, 1929). The proxy looks the name up, so that no query for it
 * leaves this machine.
 */
export async function socksConnect(proxy: URL, host: string, port: number): Promise<Socket> {
  const socket = connect({ host: proxy.hostname.replace(/^\[|\]$/g, ''), port: Number(proxy.port || 1080) });
  const timer = setTimeout(
    () => socket.destroy(new Error('the SOCKS proxy did not answer in time')),
    CONNECT_MS,
  );
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const user = decodeURIComponent(proxy.username);
    const password = decodeURIComponent(proxy.password);
    const methods = user === '' ? [NO_LOGIN] : [NO_LOGIN, PASSWORD];
    socket.write(Buffer.from([5, methods.length, ...methods]));
    const [version, method] = await read(socket, 2);
    if (version !== 5) throw new Error('the proxy does not speak SOCKS 5');
    if (method === PASSWORD && user !== '') await logIn(socket, user, password);
    else if (method !== NO_LOGIN) throw new Error('the SOCKS proxy wants a login');
    socket.write(
      Buffer.concat([Buffer.from([5, 1, 0]), addressOf(host), Buffer.from([port >> 8, port & 255])]),
    );
    const [, reply = 1, , kind] = await read(socket, 4);
    if (reply !== 0) throw new Error(`the SOCKS proxy refused: ${REFUSALS[reply] ?? `code ${reply}`}`);
    // The address it is bound to is of no interest.
    const length = kind === 1 ? 4 : kind === 4 ? 16 : ((await read(socket, 1))[0] ?? 0);
    await read(socket, length + 2);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function logIn(socket: Socket, user: string, password: string): Promise<void> {
  const [name, word] = [Buffer.from(user), Buffer.from(password)];
  socket.write(Buffer.concat([Buffer.from([1, name.length]), name, Buffer.from([word.length]), word]));
  const [, status] = await read(socket, 2);
  if (status !== 0) throw new Error('the SOCKS proxy refused the login');
}

function addressOf(host: string): Buffer {
  const bare = host.replace(/^\[|\]$/g, '');
  if (isIPv4(bare)) return Buffer.from([1, ...bare.split('.').map(Number)]);
  if (isIPv6(bare)) return Buffer.concat([Buffer.from([4]), ipv6Bytes(bare)]);
  const name = Buffer.from(bare);
  return Buffer.concat([Buffer.from([3, name.length]), name]);
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((part) => Number.parseInt(part, 16));
  const [left, right] = [groups(head), tail === undefined ? [] : groups(tail)];
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]));
}

/** Exactly so many bytes; whatever follows stays in the socket for who comes next. */
function read(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      socket.off('readable', look);
      socket.off('error', fail);
      socket.off('close', closed);
    };
    const fail = (error: Error): void => {
      done();
      reject(error);
    };
    const closed = (): void => fail(new Error('the SOCKS proxy closed the connection'));
    const look = (): void => {
      const chunk: unknown = socket.read(count);
      if (!Buffer.isBuffer(chunk)) return;
      done();
      resolve(chunk);
    };
    socket.on('readable', look).on('error', fail).on('close', closed);
    look();
  });
}
