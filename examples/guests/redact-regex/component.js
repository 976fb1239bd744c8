import { component } from '../../../sdk/js/lib/component.js';
import definition from './transform.js';

export const { config, transform } = component(definition);
