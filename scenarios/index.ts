/** janction-lab/scenarios: what a scenario file means once it is loaded, and the readers of scenario and trace files. */
export * from './resolved.ts';
