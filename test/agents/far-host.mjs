// Stands for ssh to a machine whose line can be cut: the client dies then, and no other one gets through, while what runs
// over there lives on with its input open. `far-host.mjs <folder> <program> <args…>`; a file `cut` in the folder cuts the
// line, and with the folder everything ends.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

const isCut = (folder) => existsSync(join(folder, 'cut'));

function here(folder, command) {
  if (isCut(folder)) {
    process.stderr.write('ssh: connect to host: No route to host\n');
    process.exit(255);
  }
  setInterval(() => isCut(folder) && process.exit(255), 10);
  // What runs over there does not carry the mark of this machine's gateway.
  const { PI_GATEWAY_AGENT_MARK: _, ...env } = process.env;
  const socket = join(folder, `${process.pid}.sock`);
  const there = [import.meta.filename, '--there', folder, socket, ...command];
  spawn(process.execPath, there, { env, detached: true, stdio: 'ignore' }).unref();
  const dial = () => {
    const line = connect(socket, () => {
      process.stdin.pipe(line);
      line.pipe(process.stdout);
      line.on('close', () => process.exit(isCut(folder) ? 255 : 0));
    });
    line.on('error', () => setTimeout(dial, 10));
  };
  dial();
}

function there(folder, socket, [program, ...args]) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const end = () => {
    child.kill('SIGKILL');
    process.exit();
  };
  child.on('exit', end);
  child.stdin.on('error', () => {});
  setInterval(() => existsSync(folder) || end(), 100);
  createServer((line) => {
    line.on('error', () => {});
    line.on('data', (bytes) => isCut(folder) || child.stdin.write(bytes));
    child.stdout.on('data', (bytes) => isCut(folder) || line.write(bytes));
    line.on('close', () => isCut(folder) || child.stdin.end());
  }).listen(socket);
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--there') there(rest[0], rest[1], rest.slice(2));
else here(first, rest);
