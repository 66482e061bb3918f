/**
 * Secrets of the local stack, the same on every machine so that commands can be pasted. Everything listens on loopback
 * only, and config/settings.ts refuses all of them in production.
 */
export const DEMO = {
  postgresUser: 'waybill',
  postgresPassword: 'waybill-demo-secret',
  objectsAccessKey: 'waybill',
  objectsSecretKey: 'waybill-demo-secret',
  linkSecret: 'links-demo-secret',
  tokenSecret: 'tokens-demo-secret',
} as const;
