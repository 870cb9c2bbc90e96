package org.tensorflow.lite.support.metadata;

public class MetadataExtractor {
  public MetadataExtractor(java.nio.ByteBuffer buffer) throws java.io.IOException {}

  public java.io.InputStream getAssociatedFile(String name) {
    return null;
  }

  public int[] getInputTensorShape(int index) {
    return null;
  }

  public int[] getOutputTensorShape(int index) {
    return null;
  }
}
