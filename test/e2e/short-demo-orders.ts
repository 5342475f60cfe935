export const SHORT_DEMO_ORDERS = 200;
