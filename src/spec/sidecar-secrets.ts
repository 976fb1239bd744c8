import type { SidecarConfig } from './sidecar-config.ts';

/** Every secret that a sidecar.yaml gives, however it came there: what no log line may show. */
export function secretsOf({ kafka, http, schemaRegistry }: SidecarConfig): readonly string[] {
  const tokens = [http.adminToken, http.readOnlyToken].flatMap((token) => token?.reveal() ?? []);
  const auth = schemaRegistry?.auth;
  if (auth === undefined) return [...kafka.secrets(), ...tokens];
  if (auth.kind === 'bearer') return [...kafka.secrets(), ...tokens, auth.token.reveal()];
  const password = auth.password.reveal();
  // As it travels.
  const basic = Buffer.from(`${auth.username}:${password}`).toString('base64');
  return [...kafka.secrets(), ...tokens, password, basic];
}
