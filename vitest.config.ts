import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    setupFiles: ['test/support/no-leaks.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    // Real processes, sockets and terminals on a shared machine: one more try there, none at a developer's desk.
    retry: process.env['CI'] ? 1 : 0,
  },
});
