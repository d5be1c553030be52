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
  // Warnings of Node about libraries are for those who write them; NODE_OPTIONS=--trace-deprecation shows them.
  if (!process.traceDeprecation) process.noDeprecation = true;
  // Compiled code is kept between starts in a directory of this user alone, whatever the umask; failing is harmless.
  const cache = process.env.XDG_CACHE_HOME || (process.env.HOME && process.env.HOME + '/.cache');
  if (cache && !process.versions.bun) {
    const own = cache + '/pi-gateway-tui';
    const fs = process.getBuiltinModule('node:fs');
    const umask = process.umask(0o077);
    try {
      fs.mkdirSync(own, { recursive: true, mode: 0o700 });
      const stat = fs.lstatSync(own);
      if (stat.isDirectory() && (!process.getuid || stat.uid === process.getuid())) {
        fs.chmodSync(own, 0o700);
        process.getBuiltinModule('node:module').enableCompileCache(own);
        // Node writes the files after this event.
        process.on('exit', () => process.umask(0o077));
      }
    } catch {
      // A home that cannot be written: everything is compiled again.
    }
    process.umask(umask);
  }
  import('./cli.js').then((cli) => cli.main(process.argv.slice(2)));
}
