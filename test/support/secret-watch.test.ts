import { describe, expect, it } from 'vitest';
import { leaks, watchConfig, watchOutput, watchSecret } from './secret-watch.ts';

describe('the watch for secrets', () => {
  it('finds what the configuration calls secret in any line, also URL-encoded', () => {
    watchConfig({
      tokens: ['reader-token-1234'],
      platforms: { telegram: { token: '12:tele gram/secret', apiRoot: 'http://localhost' } },
    });
    watchSecret('operator-token-5678');
    watchOutput('a program', () =>
      [
        'fine: http://localhost',
        'bad: reader-token-1234',
        'GET /bot12%3Atele%20gram%2Fsecret/getMe',
        'x operator-token-5678 y',
      ].join('\n'),
    );
    expect(leaks()).toEqual([
      'a program: bad: <SECRET>',
      'a program: GET /bot<SECRET>/getMe',
      'a program: x <SECRET> y',
    ]);
    expect(leaks()).toEqual([]);
  });
});
