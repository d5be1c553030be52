/**
 * The process that hosts many pi sessions for the gateway. It speaks lines of JSON on its standard streams, and ends
 * with its standard input, so it never outlives the gateway.
 */
import { enableCompileCache } from 'node:module';
import { messageOf } from '../errors.ts';
import { LineSplitter } from './pi/jsonl.ts';
import { Host } from './pi-sdk/host.ts';
import { loadPi } from './pi-sdk/load-pi.ts';
import { type FromHost, readToHost } from './pi-sdk/wire.ts';

// Where to: the gateway names a private directory in NODE_COMPILE_CACHE, or switches the cache off.
const umask = process.umask(0o077);
enableCompileCache();
process.umask(umask);
process.on('exit', () => process.umask(0o077)); // Node writes the files after this event
process.title = 'pi-gateway-agents';
// What pi's own program tells its tools.
process.env['PI_CODING_AGENT'] = 'true';
process.env['AI_AGENT'] = 'pi';

// Standard output is the protocol: whatever an extension prints goes to standard error.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);
const complain = (error: unknown): void => {
  process.stderr.write(
    `Error: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}\n`,
  );
};

// One extension's forgotten promise must not end everybody's session.
process.on('unhandledRejection', complain);

// The gateway names the package: it is the pi that its own checks have looked at.
const pi = await loadPi(process.argv[2] ?? '');
pi.initTheme(undefined, false);
const host = new Host(
  pi,
  (frame: FromHost) => {
    write(`${JSON.stringify(frame)}\n`);
  },
  () => Date.now(),
);

const leave = async (code: number): Promise<void> => {
  await host.close();
  process.exit(code);
};
const input = new LineSplitter(
  (line) => {
    const frame = readToHost(line);
    if (frame !== undefined) host.take(frame).catch(complain);
  },
  () => void leave(70),
  64 * 1024 * 1024,
);
process.stdin.on('data', (chunk: Buffer) => input.push(chunk));
process.stdin.on('end', () => void leave(0));
process.on('SIGTERM', () => void leave(143));
process.on('SIGHUP', () => void leave(129));
