/**
 * A host for tests: widgets in a bare page, with ipywidgets' base manager and nothing else. If the panel works here, it
 * needs nothing of JupyterLab.
 *
 * `host.start()` begins a kernel on the server that the page came from, `host.attach(id)` takes one that runs and
 * `host.saved(state)` the state of a saved notebook. `host.run(code)` runs a cell; the widgets that it shows are put
 * on the page, `host.show(id)` shows one more view.
 */

import * as base from "@jupyter-widgets/base";
import { ManagerBase } from "@jupyter-widgets/base-manager";
import { KernelManager, ServerConnection } from "@jupyterlab/services";
import { Widget } from "@lumino/widgets";

const VIEW = "application/vnd.jupyter.widget-view+json";

/** anywidget's front end is an AMD module that asks for one other module. */
async function anywidget() {
  let module;
  globalThis.define = (_needs, factory) => {
    module = factory(base);
  };
  await new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: "anywidget.js", onload: resolve, onerror: reject });
    document.head.append(script);
  });
  return module;
}

class Manager extends ManagerBase {
  #modules = { "@jupyter-widgets/base": base };

  constructor(kernel) {
    super();
    this.kernel = kernel;
    kernel?.registerCommTarget(this.comm_target_name, (comm, message) =>
      this.handle_comm_open(new base.shims.services.Comm(comm), message),
    );
  }

  async loadClass(name, module) {
    if (module === "anywidget") this.#modules[module] ??= anywidget();
    const loaded = await this.#modules[module];
    if (!loaded) throw new Error(`The bare host has no ${module}`);
    return loaded[name];
  }

  async _create_comm(target, id, data, metadata, buffers) {
    const comm = this.kernel.createComm(target, id);
    if (data || metadata) comm.open(data, metadata, buffers);
    return new base.shims.services.Comm(comm);
  }

  async _get_comm_info() {
    if (!this.kernel) return {};
    const { content } = await this.kernel.requestCommInfo({ target_name: this.comm_target_name });
    return content.status === "ok" ? content.comms : {};
  }

  loadFromKernel() {
    return this._loadFromKernel();
  }
}

/** Milliseconds between two tries to reach a kernel: Jupyter's server may refuse a kernel that is starting. */
const RECONNECT_EVERY_MS = 10_000;

async function ready(kernel) {
  const again = setInterval(() => void kernel.reconnect().catch(() => {}), RECONNECT_EVERY_MS);
  await kernel.info.finally(() => clearInterval(again));
  host.kernel = kernel;
  host.manager = new Manager(kernel);
  return kernel.id;
}

const host = {
  async start() {
    const kernels = new KernelManager({ serverSettings: ServerConnection.makeSettings() });
    return ready(await kernels.startNew({ name: "python3" }));
  },

  /** Attach to a kernel that runs, and show its widgets. */
  async attach(id) {
    const kernels = new KernelManager({ serverSettings: ServerConnection.makeSettings() });
    await ready(kernels.connectTo({ model: { id, name: "python3" } }));
    await host.manager.loadFromKernel();
  },

  /** Show the widgets of a saved state, without a kernel. */
  async saved(state) {
    host.manager = new Manager(undefined);
    for (const model of await host.manager.set_state(state)) {
      if (model.get("_view_name") === "AnyView") await host.show(model.model_id);
    }
  },

  /**
   * Run a cell to its end; returns what it printed or returned, errors too. With `stdin` false, the cell may not ask
   * for input, as when programs run it.
   */
  async run(code, stdin = true) {
    const future = host.kernel.requestExecute({ code, store_history: false, allow_stdin: stdin });
    let text = "";
    const shown = [];
    future.onIOPub = ({ content }) => {
      if (content.text) text += content.text;
      if (content.traceback) text += content.traceback.join("\n");
      const view = content.data?.[VIEW];
      if (view) shown.push(host.show(view.model_id));
      else if (content.data) text += content.data["text/plain"] ?? "";
    };
    await future.done;
    await Promise.all(shown);
    return text;
  },

  async show(id) {
    const view = await host.manager.create_view(await host.manager.get_model(id));
    const el = document.createElement("div");
    document.body.append(el);
    Widget.attach(view.luminoWidget, el);
    return view;
  },
};

globalThis.host = host;
