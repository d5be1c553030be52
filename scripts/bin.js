#!/usr/bin/env node
// Plain old JavaScript: this file must still parse, and explain itself, on a Node that is too old for the rest.
const [major, minor] = process.versions.node.split('.').map(Number);
if (!process.versions.bun && (major < 22 || (major === 22 && minor < 19))) {
  console.error(
    'pi-gateway-tui needs Node.js 22.19 or newer; this is ' +
      process.versions.node +
      ' (' +
      process.execPath +
      '). Install a newer Node, then try again.',
  );
  process.exitCode = 1;
} else {
  // Compiled code is kept between starts in the user's own cache folder (never a shared one); failing is harmless.
  const cache = process.env.XDG_CACHE_HOME || (process.env.HOME && process.env.HOME + '/.cache');
  if (cache && !process.versions.bun)
    process.getBuiltinModule('node:module').enableCompileCache(cache + '/pi-gateway-tui');
  import('./cli.js').then((cli) => cli.main(process.argv.slice(2)));
}
