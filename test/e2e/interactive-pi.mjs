// A stand-in for pi: over RPC it echoes and keeps a session file, in a terminal it shows its arguments and waits for q.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const after = (flag) => process.argv[process.argv.indexOf(flag) + 1];
const file = after('--session');
if (process.argv.includes('rpc')) {
  if (process.argv.includes('--session')) writeFileSync(file, '');
  process.argv.splice(2, 0, 'echo');
  await import(join(import.meta.dirname, '../agents/fake-pi.mjs'));
} else {
  process.stdout.write(`INTERACTIVE pid=${process.pid} tty=${process.stdin.isTTY} in ${process.cwd()}\r\n`);
  process.stdout.write(`SESSION ${file.split('/').at(-1)}\r\n`);
  process.stdin.setRawMode?.(true);
  process.stdin.on('data', (keys) => {
    if (String(keys).includes('q')) process.exit(0);
  });
}
