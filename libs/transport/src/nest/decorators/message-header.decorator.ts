import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Headers, MessageContext } from '../../contract/index.js';

/**
 * Injects one header of the message as text, or undefined. Without a name, injects all headers.
 *
 * ```ts
 * async reserve(@Payload() order: OrderCreatedData, @MessageHeader('tenant') tenant: string | undefined) {}
 * ```
 * Names are case-insensitive, as on every broker here.
 */
export const MessageHeader: (name?: string) => ParameterDecorator = createParamDecorator(
  (name: string | undefined, context: ExecutionContext): Headers | string | undefined => {
    const message = context.switchToRpc().getContext<MessageContext>();
    return name === undefined ? message.headers : message.header(name.toLowerCase());
  },
);
