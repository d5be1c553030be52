/** Main entry: the programmatic API, and the pi extension as default export, as @0xkobold/pi-gateway had them. */
export * from './api.ts';
export { default } from './extension/extension.ts';
