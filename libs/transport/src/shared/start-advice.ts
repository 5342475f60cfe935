/** What to do where nothing answers. `broker:up` is the script that `nest add nest-transport` writes into a project. */
export const startAdvice = (product: string, where: string): string =>
  `Is ${product} running ${where}? A project with the script "broker:up" starts it by: npm run broker:up.`;
