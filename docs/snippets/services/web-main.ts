import { startShop } from './web.js';

// #region main
const shop = await startShop({ port: 3000 });
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void shop.stop());
// #endregion
