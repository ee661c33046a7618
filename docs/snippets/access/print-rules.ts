// #region rules
import { accessRules } from 'belfry';
import { billing } from './billing.js';

const password = process.env.BILLING_PASSWORD;
console.log(accessRules({ ...billing, password }).command);
// #endregion rules
