// Stands for ssh: carries bytes to a program and back until the file exists, then swallows them and lives on.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

const [cut, program, ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
process.stdin.on('data', (chunk) => existsSync(cut) || child.stdin.write(chunk));
process.stdin.on('end', () => existsSync(cut) || child.stdin.end());
child.stdout.on('data', (chunk) => existsSync(cut) || process.stdout.write(chunk));
child.on('exit', (code) => existsSync(cut) || process.exit(code ?? 1));
