import { afterEach, expect, it } from 'vitest';
import { runGateway } from '../../src/cli/cli.ts';
import { readArguments } from '../../src/cli/views.ts';

const before = [process.stdin.isTTY, process.stdout.isTTY];
afterEach(() => {
  [process.stdin.isTTY = false, process.stdout.isTTY = false] = before;
});

it('in a terminal --fall-back is refused: the console would leave it out without a word', async () => {
  process.stdin.isTTY = true;
  process.stdout.isTTY = true;
  await expect(runGateway(readArguments(['--fall-back', '--data-dir', '/nowhere']))).rejects.toThrow(
    '--fall-back works without a console: add --no-tui.',
  );
});
