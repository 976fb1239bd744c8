import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { HttpConfig } from '../spec/http-config.ts';
import { isLoopback } from '../spec/sidecar-schema.ts';
import { RequestError } from './request-error.ts';

/** What of a request decides who it comes from. */
export interface Caller {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
  /** The path changes nothing, whatever the method says. */
  readonly onlyReads: boolean;
}

type Role = 'admin' | 'read_only';

/**
 * Who may. Without tokens and client certificates everybody on this machine (the configuration allows that on loopback alone), but no web
 * page: a browser is on this machine too, and does what any page tells it.
 */
export class Gate {
  readonly #admin: Buffer | undefined;
  readonly #readOnly: Buffer | undefined;
  readonly #takesCertificates: boolean;

  constructor(http: Pick<HttpConfig, 'adminToken' | 'readOnlyToken' | 'tls'>) {
    this.#admin = http.adminToken === undefined ? undefined : digest(http.adminToken.reveal());
    this.#readOnly = http.readOnlyToken === undefined ? undefined : digest(http.readOnlyToken.reveal());
    this.#takesCertificates = http.tls?.clientCa !== undefined;
  }

  /** Throws request.unauthorized or request.forbidden. Messages never show what was presented. */
  check(caller: Caller): void {
    if (this.#role(caller) === 'admin') return;
    if (caller.method === 'GET' || caller.method === 'HEAD' || caller.onlyReads) return;
    throw new RequestError('request.forbidden', 'the read-only token may not change anything', {
      suggestion: 'Use the admin token (http.auth.admin_token).',
    });
  }

  #role(caller: Caller): Role {
    if (this.#isOpen) {
      refuseForeignHost(caller.headers);
      refuseForeignPage(caller.headers);
      return 'admin';
    }
    if (this.#takesCertificates && (caller.socket as Partial<TLSSocket>).authorized === true) {
      // A browser shows its certificate on behalf of any page, which a token is safe from.
      refuseForeignPage(caller.headers);
      return 'admin';
    }
    return this.#roleOfToken(caller.headers.authorization);
  }

  get #isOpen(): boolean {
    return this.#admin === undefined && this.#readOnly === undefined && !this.#takesCertificates;
  }

  #roleOfToken(authorization: string | undefined): Role {
    if (this.#admin === undefined && this.#readOnly === undefined) {
      throw new RequestError('request.forbidden', 'a client certificate is needed', {
        suggestion: 'Show a certificate of the authority in http.tls.client_ca.',
      });
    }
    const token = /^bearer +([\x21-\x7e]+)$/i.exec(authorization?.trim() ?? '')?.[1];
    if (token !== undefined) {
      const presented = digest(token);
      // Both are compared whatever the first says: the time tells nothing.
      const isAdmin = isSame(presented, this.#admin);
      const isReadOnly = isSame(presented, this.#readOnly);
      if (isAdmin) return 'admin';
      if (isReadOnly) return 'read_only';
    }
    const isMissing = authorization === undefined;
    throw new RequestError('request.unauthorized', isMissing ? 'a token is needed' : 'the token is not valid', {
      suggestion: 'Send `Authorization: Bearer TOKEN` with the admin or the read-only token.',
      headers: { 'www-authenticate': `Bearer realm="streamline"${isMissing ? '' : ', error="invalid_token"'}` },
    });
  }
}

/** Digests have one length: neither the length of a token nor how much of it is right shows in the time taken. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function isSame(presented: Buffer, expected: Buffer | undefined): boolean {
  return timingSafeEqual(presented, expected ?? Buffer.alloc(presented.length)) && expected !== undefined;
}

/** A name of somebody else that leads to this machine (DNS rebinding) shows in Host. Programs without one are no browsers. */
function refuseForeignHost({ host }: IncomingHttpHeaders): void {
  if (host === undefined) return;
  const name = /^(\[[^\]]*\]|[^:]*)(?::[0-9]{1,5})?$/.exec(host)?.[1]?.toLowerCase();
  if (name !== undefined && isLoopback(name.replace(/^\[(.*)\]$/, '$1'))) return;
  throw new RequestError('request.forbidden', 'the Host header names no loopback address', {
    suggestion: 'Use http://127.0.0.1 or http://localhost, or protect the API with http.auth.admin_token.',
  });
}

function refuseForeignPage(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site'];
  const isForeignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  if (!isForeignSite && (headers.origin === undefined || isOwnOrigin(headers.origin, headers.host))) return;
  throw new RequestError('request.forbidden', 'a web page of another origin may not use the API', {
    suggestion: 'Call it from a program, or protect it with http.auth.admin_token.',
  });
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  const url = URL.parse(origin);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
  return URL.parse(`${url.protocol}//${host ?? ''}`)?.host === url.host;
}
