package org.tensorflow.lite;

public final class Interpreter implements AutoCloseable {
  public static class Options {
    public Options setNumThreads(int threads) {
      return this;
    }

    public Options setUseXNNPACK(boolean use) {
      return this;
    }
  }

  public Interpreter(java.nio.ByteBuffer model, Options options) {}

  public void run(Object input, Object output) {}

  @Override
  public void close() {}
}
