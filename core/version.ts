/** Version of the engine: part of every journal, run and result id. Equal to package.json's (tested). */
export const ENGINE_VERSION = '0.1.0';
export const ENGINE = `janction-lab ${ENGINE_VERSION}`;
