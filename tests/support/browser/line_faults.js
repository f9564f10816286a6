// Runs in a page before everything else: frames on their way from the kernel are dropped, doubled and overtaken, each
// with a chance of one in ten. `window.__seed` is set before; `window.__faults` counts.
(() => {
    const faults = (window.__faults = { frames: 0, dropped: 0, doubled: 0, late: 0 });
    let state = window.__seed;
    const chance = () => {
        state = (state + 0x6d2b79f5) | 0;
        let t = Math.imul(state ^ (state >>> 15), 1 | state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    const text = (data) => (typeof data === "string" ? data : new TextDecoder().decode(data));
    const bad = (deliver) => (event) => {
        const said = text(event.data);
        if (!said.includes('"comm_msg"') || !/"ops": ?\[/.test(said)) return deliver(event);
        faults.frames++;
        const fate = chance();
        if (fate < 0.1) faults.dropped++;
        else if (fate < 0.2) {
            faults.late++;
            setTimeout(() => deliver(event), 30 + 400 * chance());
        } else {
            if (fate < 0.3 && ++faults.doubled) deliver(event);
            deliver(event);
        }
    };
    const { get, set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
    Object.defineProperty(WebSocket.prototype, "onmessage", {
        get,
        set(handler) {
            set.call(this, handler && bad(handler.bind(this)));
        },
    });
})();
