import { stopStarted } from './jest-setup.mjs';

export default () => stopStarted();
