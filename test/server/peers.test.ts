import { describe, expect, it } from 'vitest';
import { isLoopback, isLoopbackHost, peerKey } from '../../src/server/peers.ts';

describe('who a peer is', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])('takes %s for this machine', (address) => {
    expect(isLoopback(address)).toBe(true);
  });

  it.each(['10.0.0.1', '::ffff:10.0.0.1', 'fe80::1%eth0', '', '1127.0.0.1', '127.0.0.1.evil.example'])(
    'takes "%s" for another machine',
    (address) => {
      expect(isLoopback(address)).toBe(false);
    },
  );

  it.each([
    'localhost',
    'localhost:3847',
    'LOCALHOST.',
    'a.localhost',
    '127.0.0.1:80',
    '[::1]',
    '[::1]:3847',
  ])('accepts the Host %s as a name of this machine', (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:3847', '', '192.168.1.2'])(
    'does not accept the Host "%s" as a name of this machine',
    (host) => {
      expect(isLoopbackHost(host)).toBe(false);
    },
  );

  it('counts an IPv6 customer by network, an IPv4 peer by address', () => {
    expect(peerKey('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(peerKey('2001:db8:1:2::9')).toBe(peerKey('2001:db8:1:2:ffff::1'));
    expect(peerKey('2001:db8::9')).not.toBe(peerKey('2001:db8:0:1::9'));
    expect(peerKey('::ffff:10.0.0.1')).toBe('10.0.0.1');
    expect(peerKey('::1')).toBe('::1');
  });
});
