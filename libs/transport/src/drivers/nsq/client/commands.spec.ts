import * as commands from './commands.js';

const text = (command: Buffer): string => command.toString('latin1');

describe('a command', () => {
  it('is encoded as the NSQ protocol defines it', () => {
    expect(text(commands.sub('orders', 'mail#ephemeral'))).toBe('SUB orders mail#ephemeral\n');
    expect(text(commands.rdy(5))).toBe('RDY 5\n');
    expect(text(commands.fin('0123456789abcdef'))).toBe('FIN 0123456789abcdef\n');
    expect(text(commands.req('0123456789abcdef', 1_500))).toBe('REQ 0123456789abcdef 1500\n');
    expect(text(commands.touch('0123456789abcdef'))).toBe('TOUCH 0123456789abcdef\n');
    expect(text(commands.pub('orders', Buffer.from('hello')))).toBe('PUB orders\n\0\0\0\x05hello');
    expect(text(commands.dpub('orders', 250, Buffer.from('hi')))).toBe('DPUB orders 250\n\0\0\0\x02hi');
    expect(text(commands.auth('s'))).toBe('AUTH\n\0\0\0\x01s');
    expect(text(commands.identify({ a: 'ü' }))).toBe('IDENTIFY\n\0\0\0\x0a{"a":"Ã¼"}');
  });

  it('with many messages contains its size before the messages', () => {
    const bodies = [Buffer.from('one'), Buffer.from('three')];
    expect(text(commands.mpub('orders', bodies))).toBe('MPUB orders\n\0\0\0\x14\0\0\0\x02\0\0\0\x03one\0\0\0\x05three');
    expect(commands.mpubBytes(bodies)).toBe(20);
  });
});
