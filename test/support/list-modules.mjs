// Preloaded with --import: writes the URL of every module that is loaded to the file named by MODULE_LIST.
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

registerHooks({
  load(url, context, next) {
    appendFileSync(process.env.MODULE_LIST, `${url}\n`);
    return next(url, context);
  },
});
